; INT 13h: moving sectors between the caller's memory and the medium, whatever the medium's block size.
;
; Two units: sectors are what the caller counts in, blocks what the medium has. Where a sector is
; smaller (512 against 4096), a block that is touched in part goes through a buffer: read, and for a
; write changed and written back.
%include "romgen.inc"
%include "int13.inc"

global int13_transfer:function
global int13_in_range:function
global int13_buffer_fits:function
global int13_blocks:data
global int13_chs_shift:data
global int13_edd_shift:data
global int13_shift:data
global int13_buffer:data
global int13_done:data
global int13_bounce:data
global int13_error:data
extern disk_read
extern disk_write
extern disk_lba
extern disk_count
extern disk_buffer
extern disk_done
extern disk_block_size
extern disk_status
extern report_back
extern report_loss
extern copy_to_linear
extern copy_from_linear

BSS int13
int13_blocks:   resq 1                  ; size of the disk in the sectors that EDD calls count in
int13_lba:      resq 1                  ; next sector
int13_left:     resd 1                  ; sectors still to do
int13_buffer:   resd 1                  ; linear address of the next byte
int13_done:     resd 1                  ; sectors done
int13_part:     resd 1                  ; sectors of the step under way
int13_bounce:   resw 1                  ; segment of the buffer of one block; 0 = blocks have 512 bytes
int13_error:    resw 1                  ; why the last transfer failed: an ERR_ number
int13_routine:  resw 1                  ; disk_read or disk_write
int13_shift:    resb 1                  ; log2 of sectors in a block, in this call
int13_chs_shift: resb 1                 ; the same for CHS functions, whose sectors have 512 bytes
int13_edd_shift: resb 1                 ; the same for EDD functions

CODE int13
;---------------------------------------------------------------------------
; int13_in_range - do these sectors lie on the disk?
; in:       EDX:EAX = first, ECX = count
; out:      CF = 1: they do not
; clobbers: ESI, EDI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_in_range:
        mov     esi, eax
        mov     edi, edx
        add     esi, ecx
        adc     edi, 0
        jc      .done                   ; beyond 2^64
        cmp     [int13_blocks + 4], edi
        jne     .done                   ; CF as the comparison left it
        cmp     [int13_blocks], esi
.done:
        ret

;---------------------------------------------------------------------------
; int13_buffer_fits - can the caller's buffer be addressed?
; in:       EDI = linear address, ECX = sectors, EBX = first linear address behind what may be used;
;           int13_shift
; out:      CF = 1: no
; clobbers: EAX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_buffer_fits:
        push    ecx
        mov     eax, ecx
        mov     edx, [disk_block_size]
        mov     cl, [int13_shift]
        shr     edx, cl                 ; bytes of a sector
        mul     edx                     ; CF = 1: 4 GiB or more
        pop     ecx
        jc      .done
        add     eax, edi
        jc      .done
        cmp     ebx, eax
.done:
        ret

;---------------------------------------------------------------------------
; int13_transfer - read or write sectors
; in:       EDX:EAX = first sector, ECX = count (not 0), EDI = linear address of the buffer,
;           SI = disk_read or disk_write; int13_shift
; out:      AL = status; int13_done = sectors that were really done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_transfer:
        push    ebp
        mov     [int13_lba], eax
        mov     [int13_lba + 4], edx
        mov     [int13_left], ecx
        mov     [int13_buffer], edi
        mov     [int13_routine], si
        and     dword [int13_done], byte 0
.next:
        call    int13_locate
        jnz     .part
        mov     eax, [int13_left]
        shr     eax, cl
        test    eax, eax                ; a shift by 0 leaves the flags alone
        jz      .part
        mov     [disk_count], eax       ; whole blocks: straight from or into the caller's memory
        shl     eax, cl
        mov     [int13_part], eax
        mov     eax, [int13_buffer]
        mov     [disk_buffer], eax
        call    [int13_routine]
        jc      .failed
        jmp     short .advance
.part:
        call    int13_part_of_block
        jc      .lost
.advance:
        mov     eax, [int13_part]
        add     [int13_done], eax
        add     [int13_lba], eax
        adc     dword [int13_lba + 4], 0
        sub     [int13_left], eax
        jz      .success
        shl     eax, 9                  ; a second step only where sectors have 512 bytes
        add     [int13_buffer], eax
        jmp     short .next
.success:
        call    report_back
        mov     al, INT13_OK
        pop     ebp
        ret
.failed:
        mov     [int13_error], ax
        mov     cl, [int13_shift]
        mov     eax, [disk_done]
        shl     eax, cl
        add     [int13_done], eax
        jmp     short .status
.lost:
        mov     [int13_error], ax
.status:
        mov     ax, [int13_error]
        call    report_loss
        mov     al, [disk_status]
        pop     ebp
        ret

;---------------------------------------------------------------------------
; int13_locate - the block that holds int13_lba
; in:       int13_lba, int13_shift
; out:      disk_lba = block, EBX = sector in it, ZF = 1: the first one; CL = int13_shift,
;           ESI = sectors in a block
; clobbers: EAX, EBX, ECX, EDX, ESI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int13_locate:
        mov     cl, [int13_shift]
        mov     eax, [int13_lba]
        mov     edx, [int13_lba + 4]
        mov     ebx, eax
        shrd    eax, edx, cl
        shr     edx, cl
        mov     [disk_lba], eax
        mov     [disk_lba + 4], edx
        xor     esi, esi
        inc     si
        shl     esi, cl
        lea     eax, [esi - 1]
        and     ebx, eax
        ret

;---------------------------------------------------------------------------
; int13_part_of_block - read or write some sectors of one block
; in:       disk_lba = block, EBX = first sector in it, ESI = sectors in a block; int13_left
; out:      int13_part = sectors done; CF = 1: none, disk_status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_part_of_block:
        sub     esi, ebx
        cmp     esi, [int13_left]
        jbe     .count_known
        mov     esi, [int13_left]
.count_known:
        mov     [int13_part], esi
        shl     bx, 9
        push    bx                      ; offset of the first byte in the block
        mov     ax, disk_read
        call    .whole_block
        pop     si
        jc      .done
        mov     ecx, [int13_part]
        shl     ecx, 9
        mov     edi, [int13_buffer]
        mov     es, [int13_bounce]
        cmp     word [int13_routine], disk_read
        jne     .write
        call    copy_to_linear
        jc      .no_copy
        ret
.write:
        mov     di, si
        mov     esi, [int13_buffer]
        call    copy_from_linear
        jc      .no_copy
        call    int13_locate
        mov     ax, disk_write
.whole_block:
        mov     dword [disk_count], 1
        movzx   ecx, word [int13_bounce]
        shl     ecx, 4
        mov     [disk_buffer], ecx
        jmp     ax
.no_copy:
        mov     byte [disk_status], INT13_DMA_BOUNDARY
        stc
.done:
        ret
