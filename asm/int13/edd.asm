; INT 13h: the Enhanced Disk Drive functions that take a packet, and the small ones beside them.
; Phoenix EDD 3.0, T13 1572D (long counts). Statuses for wrong places and buffers: see chs.asm.
;
; AL of AH = 43h (verify after writing) is not looked at, as by other BIOSes: AH = 48h says that
; write with verify is not there.
%include "romgen.inc"
%include "int13.inc"

global int13_41_check:function
global int13_42_read_extended:function
global int13_43_write_extended:function
global int13_44_verify_extended:function
global int13_45_lock:function
global int13_46_eject:function
global int13_47_seek_extended:function
global int13_4e_configure:function
global int13_dap:data
extern int13_in_range
extern int13_move
extern int13_bad_command
extern int13_succeed
extern int13_00_reset
extern int13_ds
extern int13_done
extern int13_shift
extern int13_edd_shift
extern disk_read
extern disk_write

INT13_FUNCTION 41, int13_41_check
INT13_FUNCTION 42, int13_42_read_extended
INT13_FUNCTION 43, int13_43_write_extended
INT13_FUNCTION 44, int13_44_verify_extended
INT13_FUNCTION 45, int13_45_lock
INT13_FUNCTION 46, int13_46_eject
INT13_FUNCTION 47, int13_47_seek_extended
INT13_FUNCTION 49, int13_succeed        ; media change: none
INT13_FUNCTION 4E, int13_4e_configure

BSS int13
int13_dap:      resb dap_size           ; the caller's packet, as far as its size says

CODE int13
;---------------------------------------------------------------------------
; int13_41_check - which extensions are there
; in:       SS:BP = INT13_FRAME: BX = EDD_MAGIC_IN
; out:      CF = 1; the frame: AX version, BX = EDD_MAGIC_OUT, CX functions; else CF = 0, AL = status
; clobbers: AX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_41_check:
        cmp     word [bp + INT13_FRAME.bx], EDD_MAGIC_IN
        jne     int13_bad_command
        mov     word [bp + INT13_FRAME.bx], EDD_MAGIC_OUT
        mov     word [bp + INT13_FRAME.ax], EDD_VERSION_30 << 8
        mov     word [bp + INT13_FRAME.cx], EDD_SUBSET_PACKET | EDD_SUBSET_EDD | EDD_SUBSET_64BIT
        stc
        ret

;---------------------------------------------------------------------------
; int13_fetch_packet - copy the caller's packet
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      int13_dap, EDX:EAX = its LBA; CF = 1: it is too short, of int13_dap only the size is there
; clobbers: EAX, ECX, EDX, SI, DI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_fetch_packet:
        mov     fs, [int13_ds]
        mov     si, [bp + INT13_FRAME.si]
        movzx   cx, byte [fs:si + dap.size]
        mov     [int13_dap + dap.size], cl
        cmp     cl, dap.flat
        jb      .done                   ; CF = 1
        cmp     cl, dap_size
        jbe     .copy
        mov     cl, dap_size
.copy:
        push    ds
        pop     es
        mov     di, int13_dap
        fs rep movsb                    ; bytes: the packet may lie across the end of its segment
        mov     eax, [int13_dap + dap.lba]
        mov     edx, [int13_dap + dap.lba + 4]
        clc
.done:
        ret

;---------------------------------------------------------------------------
; int13_packet - the caller's packet, its place on the disk checked
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      EDX:EAX = first sector, ECX = count (0: a success without work);
;           CF = 1: the packet is too short, or leaves the disk
; clobbers: EAX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_packet:
        call    int13_fetch_packet
        jc      .done
        mov     cl, [int13_edd_shift]
        mov     [int13_shift], cl
        movzx   ecx, word [int13_dap + dap.count]
        call    int13_count_is_long
        jne     .count_known
        mov     ecx, [int13_dap + dap.long_count]
.count_known:
        test    ecx, ecx
        jnz     int13_in_range
.done:
        ret

;---------------------------------------------------------------------------
; int13_count_is_long - where does the packet in int13_dap keep its count?
; in:       none
; out:      ZF = 1: in long_count
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_count_is_long:
        cmp     byte [int13_dap + dap.size], dap_size
        jb      .done                   ; ZF = 0
        cmp     word [int13_dap + dap.count], EDD_COUNT_LONG
.done:
        ret

;---------------------------------------------------------------------------
; int13_42_read_extended - read
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      CF = 0, AL = status; on failure the packet's count = sectors done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_42_read_extended:
        mov     si, disk_read
int13_packet_move: ; fallthrough: SI = disk_read or disk_write
        push    si
        call    int13_packet
        pop     si
        jc      .bad
        jecxz   .nothing
        movzx   edi, word [int13_dap + dap.segment]
        shl     edi, 4
        movzx   ebx, word [int13_dap + dap.offset]
        add     edi, ebx
        mov     ebx, REAL_MODE_END
        cmp     byte [int13_dap + dap.size], dap.long_count
        jb      .address_known
        cmp     dword [int13_dap + dap.offset], EDD_ADDRESS_FLAT
        jne     .address_known
        mov     edi, [int13_dap + dap.flat]
        cmp     dword [int13_dap + dap.flat + 4], 1
        sbb     ebx, ebx                ; 4 GiB - 1; nothing is usable beyond
.address_known:
        call    int13_move
        jmp     short .report
.nothing:
        jmp     int13_succeed
.bad:
        and     dword [int13_done], byte 0
        mov     al, INT13_BAD_COMMAND
.report:
        cmp     al, INT13_OK
        je      .done
        cmp     byte [int13_dap + dap.size], dap.flat
        jb      .done                   ; no packet
        mov     es, [int13_ds]
        mov     si, [bp + INT13_FRAME.si]
        mov     ecx, [int13_done]
        call    int13_count_is_long
        je      .long
        mov     [es:si + dap.count], cx
        jmp     short .done
.long:
        mov     [es:si + dap.long_count], ecx
.done:
        clc
        ret

;---------------------------------------------------------------------------
; int13_43_write_extended - write
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      CF = 0, AL = status; on failure the packet's count = sectors done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_43_write_extended:
        mov     si, disk_write
        jmp     int13_packet_move

;---------------------------------------------------------------------------
; int13_44_verify_extended - are these sectors there?
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      CF = 0, AL = status; on failure the packet's count = 0
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_44_verify_extended:
        call    int13_packet
        jc      int13_packet_move.bad
        and     dword [int13_done], byte 0
        call    int13_00_reset
        jmp     int13_packet_move.report

;---------------------------------------------------------------------------
; int13_47_seek_extended - is there such a sector?
; in:       SS:BP = INT13_FRAME: SI; int13_ds
; out:      CF = 0, AL = status
; clobbers: EAX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_47_seek_extended:
        call    int13_fetch_packet
        jc      .bad
        xor     ecx, ecx                ; one sector, whatever the count
        inc     cx
        call    int13_in_range
        jc      .bad
        jmp     int13_succeed
.bad:
        jmp     int13_bad_command

;---------------------------------------------------------------------------
; int13_45_lock - lock, unlock, ask: a disk that cannot be taken out is never locked
; in:       SS:BP = INT13_FRAME: AL = 0, 1, 2
; out:      CF = 0, AL = status; the frame's AL = 0
; clobbers: AL, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_45_lock:
        cmp     byte [bp + INT13_FRAME.al], 2
        ja      int13_47_seek_extended.bad
int13_done_al_zero: ; fallthrough: success, the caller's AL = 0
        mov     byte [bp + INT13_FRAME.al], 0
        jmp     int13_succeed

;---------------------------------------------------------------------------
; int13_46_eject - not removable
; in:       none
; out:      CF = 0, AL = status
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
int13_46_eject:
        mov     al, INT13_VOLUME_IN_USE
        clc
        ret

;---------------------------------------------------------------------------
; int13_4e_configure - hardware configuration: what says "as it is" succeeds
; in:       SS:BP = INT13_FRAME: AL: 1 no prefetch, 3 PIO 0, 4 default PIO, 6 no DMA; others cannot be had
; out:      CF = 0, AL = status; the frame's AL = 0 on success
; clobbers: AX, CX, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_4e_configure:
        movzx   ax, byte [bp + INT13_FRAME.al]
        cmp     al, 6
        ja      int13_47_seek_extended.bad
        mov     cx, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6
        bt      cx, ax
        jc      int13_done_al_zero
        jmp     int13_bad_command
