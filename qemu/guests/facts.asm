; A boot program that looks at the machine and changes nothing: vectors, memory,
; and each disk with its signature, size, geometry and a sum over all sectors.
; The host compares with the images and with a run without the ROM.
; A sector's sum is that of its dwords; the disk's is sum = sum * SUM_STEP + sector's
; (mod 2^32), as in romgen/boot/disk.py.
; More defines than guest.inc has: SUM_STEP.

%include "guest.inc"
GUEST_BEGIN

FIRST_DISK      equ 0x80
BUFFER_SEG      equ 0x2000
PIECE           equ 64                  ; blocks in one call: 32 KiB

struc packet
.size:          resb 1
.zero:          resb 1
.count:         resw 1
.off:           resw 1
.seg:           resw 1
.lba:           resd 2
endstruc

struc params                            ; AH=48h, EDD 1.x
.size:          resw 1
.flags:         resw 1
.cylinders:     resd 1
.heads:         resd 1
.spt:           resd 1
.sectors:       resd 2
.bytes:         resw 1
endstruc

VARIABLES
lba:            resd 1
sum:            resd 1
id:             resd 1
geometry:       resd 1
packet_at:      resb packet_size
params_at:      resb params_size
drive:          resb 1
CODE

main:
        call    report_begin
        call    facts_report
        push    BDA
        pop     es
        mov     cl, [es:BDA_DISKS]
        push    0
        pop     es
        mov     byte [drive], FIRST_DISK
.disk:
        test    cl, cl
        jz      .done
        push    cx
        call    disk_report
        pop     cx
        inc     byte [drive]
        dec     cl
        jmp     .disk
.done:
        jmp     report_done

;---------------------------------------------------------------------------
; disk_report - one disk: "@disk NN id=... sectors=... chs=... sum=..." and @ok or @fail
; in:       drive
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
disk_report:
        mov     word [params_at + params.size], params_size
        mov     ah, 0x48
        mov     dl, [drive]
        mov     si, params_at
        int     0x13
        jc      .bad
        mov     ah, 0x08
        mov     dl, [drive]
        int     0x13
        jc      .bad
        push    0
        pop     es
        mov     [geometry], cx
        mov     [geometry + 2], dx
        xor     eax, eax
        mov     [lba], eax
        mov     [sum], eax
.piece:
        mov     eax, [params_at + params.sectors]
        sub     eax, [lba]
        jz      .summed
        cmp     eax, PIECE
        jbe     .count
        mov     ax, PIECE
.count:
        mov     word [packet_at + packet.size], packet_size
        mov     [packet_at + packet.count], ax
        mov     dword [packet_at + packet.off], BUFFER_SEG << 16
        mov     eax, [lba]
        mov     [packet_at + packet.lba], eax
        mov     dword [packet_at + packet.lba + 4], 0
        mov     ah, 0x42
        mov     dl, [drive]
        mov     si, packet_at
        int     0x13
        jc      .bad
        mov     cx, [packet_at + packet.count]
        call    sum_add
        jmp     .piece
.summed:
        PUT     "@disk "
        mov     al, [drive]
        call    put_hex8
        PUT     " id="
        mov     eax, [id]
        call    put_hex32
        PUT     " sectors="
        mov     eax, [params_at + params.sectors]
        call    put_dec
        PUT     " chs="
        mov     eax, [geometry]
        call    put_hex32
        PUT     " sum="
        mov     eax, [sum]
        call    put_hex32
        call    put_line
        mov     si, name_disk
        jmp     report_ok
.bad:
        mov     bx, ax
        mov     si, name_disk
        call    report_fail
        mov     al, [drive]
        call    put_hex8
        PUT     " ax="
        mov     ax, bx
        call    put_hex16
        PUT     " lba="
        mov     eax, [lba]
        call    put_dec
        jmp     put_line

;---------------------------------------------------------------------------
; sum_add - add sectors to the sum, note the disk's signature
; in:       CX = sectors at BUFFER_SEG:0, lba = the first of them
; out:      lba, sum, id
; clobbers: EAX, EBX, CX, EDX, SI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
sum_add:
        push    ds
        push    BUFFER_SEG
        pop     ds
        xor     si, si
        cmp     dword [es:lba], 0
        jne     .sector
        mov     eax, [MBR_DISK_ID]
        mov     [es:id], eax
.sector:
        push    cx
        xor     ebx, ebx
        mov     cx, SECTOR / 4
.dword:
        lodsd
        add     ebx, eax
        loop    .dword
        pop     cx
        mov     eax, [es:sum]
        imul    eax, eax, SUM_STEP
        add     eax, ebx
        mov     [es:sum], eax
        inc     dword [es:lba]
        loop    .sector
        pop     ds
        ret

name_disk:      db "disk", 0

%include "report.inc"
%include "facts.inc"

GUEST_END
